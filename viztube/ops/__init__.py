"""Operations: health, jobs about jobs, commands, embedded servers for development."""
