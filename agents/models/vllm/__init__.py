"""Models behind a vLLM server: attached to, or started from an environment of its own."""
