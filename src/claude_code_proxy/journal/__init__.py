"""What is kept of requests, and who is told of them; nothing here is in a request's way."""
