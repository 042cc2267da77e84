"""HTTP proxies on loopback, between a real SDK and a server."""
