"""Instances that receive frames: found, launched, logged in to."""
