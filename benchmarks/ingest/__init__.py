"""How near the machine's own limit photos become rows, thumbnails and vectors."""
