"""measure: how large, fast and dear base, students, their variants and the teacher are."""
