"""HTML pages: each view calls one service command or a few reports and renders a template."""
