ALTER TABLE `jobs` ADD `recording_key` text;--> statement-breakpoint
CREATE INDEX `jobs_recording` ON `jobs` (`finished_at`) WHERE recording_key is not null and finished_at is not null;