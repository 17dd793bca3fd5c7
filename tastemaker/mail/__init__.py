"""E-mail to users: what is said, when it is due, and how it leaves."""
