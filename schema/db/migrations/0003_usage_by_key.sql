DROP INDEX `jobs_unfinished`;--> statement-breakpoint
CREATE INDEX `jobs_unfinished` ON `jobs` (`account_id`,`key_id`,`reserved_bytes`) WHERE finished_at is null;