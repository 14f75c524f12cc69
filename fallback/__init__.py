"""Keep a work group talking when WhatsApp goes down."""

__version__ = "0.1.0"
