"""synthgen: from seed questions to a measured student, with nothing paid twice and nothing lost."""

__version__ = "0.1.0"
