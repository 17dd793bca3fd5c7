"""The catalog: every creator ever seen, once, whoever searched. Installation-wide, without tenant rows."""
