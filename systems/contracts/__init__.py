"""What features share: update sets, hook events, ports. Depends on no feature."""
