DROP INDEX `jobs_due_account`;--> statement-breakpoint
CREATE INDEX `jobs_due_account` ON `jobs` (`account_id`,(batch_id is not null),`due_at`,`id`) WHERE status = 'Pending' and due_at is not null;--> statement-breakpoint
ALTER TABLE `usage` ADD `last_end_at` integer;