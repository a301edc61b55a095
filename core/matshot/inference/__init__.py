"""Networks as data: cards, sessions, and exact inference over any size in bounded memory."""
