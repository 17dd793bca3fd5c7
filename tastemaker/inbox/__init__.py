"""What enters the database from outside: kept before it is answered, processed afterwards."""
