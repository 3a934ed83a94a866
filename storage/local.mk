libsolovirt_a_SOURCES += storage/iso.c storage/iso.h storage/seed.c storage/seed.h
