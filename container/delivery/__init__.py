"""Delivery: what a hit leads to is stored, sent, judged, and tried again until it is done or buried with a reason."""
