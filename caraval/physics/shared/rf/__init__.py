"""What cavities share: their fields' kicks, and how the reference gains energy."""
