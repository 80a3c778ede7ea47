"""What every request passes, outermost first: requests, probes, outages; refusals next to views."""
