"""What ``manage.py doctor`` looks at: a module a subject, a function a check."""
