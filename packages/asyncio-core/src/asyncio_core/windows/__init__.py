"""What the loops of Windows have in common: pipes with overlapped calls, and signals."""
