"""The main job from end to end on an embedded homeserver, with scripted phones and a scripted outage."""
