"""The first minute: which backend, which models, do they answer; then a configuration file."""
