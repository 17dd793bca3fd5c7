"""HTTP only: the edge, problems, repeated requests, pace, health. It knows no feature."""
