"""Trainers on TRL: what it keeps stable is used as it is; what it calls experimental is behind `cpo.py` alone."""
