"""What `tickwright plugin new` writes."""
