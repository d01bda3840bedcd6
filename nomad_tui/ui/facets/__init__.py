"""The Facets pane: topics and other facets with counts."""
