"""A rehearsal: each student takes a few steps and answers two questions, before money is spent."""
