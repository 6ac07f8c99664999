ALTER TABLE `batches` ADD `revision` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `jobs` ADD `end_index` integer;--> statement-breakpoint
ALTER TABLE `jobs` ADD `filename` text;--> statement-breakpoint
CREATE INDEX `jobs_batch_flight` ON `jobs` (`batch_id`,`step`,`id`) WHERE batch_id is not null and finished_at is null and (due_at is not null or status = 'Processing');--> statement-breakpoint
CREATE INDEX `jobs_batch_ends` ON `jobs` (`batch_id`,`end_index`) WHERE batch_id is not null and end_index is not null;