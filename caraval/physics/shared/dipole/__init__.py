"""What bends share: their bodies, edges and wedges."""
