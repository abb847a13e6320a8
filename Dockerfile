# The proxy, run from the source tree with the pinned packages. Settings come in as environment variables.
FROM python:3.13-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app

COPY requirements.txt ./
RUN pip install --no-cache-dir --disable-pip-version-check --requirement requirements.txt
# EXTRAS=otel adds what TRACES needs; these packages are not pinned.
ARG EXTRAS=""
RUN if [ "$EXTRAS" = otel ]; then pip install --no-cache-dir --disable-pip-version-check \
    "opentelemetry-exporter-otlp-proto-http>=1.38" "opentelemetry-sdk>=1.38"; fi

COPY start_proxy.py ./
COPY src ./src
# Modes are copied too, and a checkout made under umask 077 is readable to its owner only.
RUN chmod -R a+rX .
# A new volume takes the owner of the folder it is mounted on.
RUN mkdir -p /state && chown 65532:65532 /state && chmod 700 /state

# A number needs no entry in the image's list of users, and an orchestrator can see that it isn't root.
USER 65532:65532
# Inside a container 127.0.0.1 is reachable from nowhere. Whoever can reach the port can spend the backend's key:
# set ANTHROPIC_API_KEY, or publish the port on 127.0.0.1 only, as docker-compose.yml does.
ENV HOST=0.0.0.0 PORT=8082 HOME=/app XDG_STATE_HOME=/state
EXPOSE 8082
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['PORT']), timeout=4); c.request('GET', '/health'); sys.exit(c.getresponse().status != 200)"]
CMD ["python", "start_proxy.py"]
