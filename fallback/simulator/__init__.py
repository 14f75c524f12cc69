"""Meta and its phones on loopback: endpoints with faults, scripted phones, a truth log."""
