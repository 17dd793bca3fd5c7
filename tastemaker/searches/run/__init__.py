"""The page loop: `runner` fetches, `page` commits."""
