"""Programs that run in the sandbox: each is started as `main.py`, reads `request.json` and its inputs."""
