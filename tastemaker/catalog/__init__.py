"""The catalog: every creator ever seen, once, for all searches. Installation-wide, without tenant rows."""
