"""report.html: one self-contained page with SVG charts."""
