"""What others show of endpoints: SVG badges, an Atom feed of incidents, and JSON that status pages understand."""
