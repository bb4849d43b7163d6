"""A run's models as people talk to them: a local server, a chat, a repository on a hub."""
