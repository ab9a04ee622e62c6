"""What `make demo` needs: outlets of our own, served on loopback."""
