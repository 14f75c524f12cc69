"""WhatsApp: exported chats, and live connections to groups."""
