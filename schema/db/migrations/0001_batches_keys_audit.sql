CREATE TABLE `audit_entries` (
	`id` text PRIMARY KEY NOT NULL,
	`at` integer NOT NULL,
	`actor` text NOT NULL,
	`action` text NOT NULL,
	`account_id` text NOT NULL,
	`subject` text,
	`detail` text NOT NULL,
	`request_id` text
);
--> statement-breakpoint
CREATE INDEX `audit_entries_account` ON `audit_entries` (`account_id`,`id`);--> statement-breakpoint
CREATE TABLE `batches` (
	`id` text PRIMARY KEY NOT NULL,
	`account_id` text NOT NULL,
	`key_id` text,
	`kind` text NOT NULL,
	`show_url` text,
	`title` text,
	`folder` text,
	`webhook_url` text,
	`status` text NOT NULL,
	`total` integer NOT NULL,
	`revision` integer DEFAULT 0 NOT NULL,
	`cancelled_at` integer,
	`check_due_at` integer,
	`created_at` integer NOT NULL,
	`started_at` integer,
	`finished_at` integer
);
--> statement-breakpoint
CREATE INDEX `batches_account` ON `batches` (`account_id`,`id`);--> statement-breakpoint
CREATE INDEX `batches_account_status` ON `batches` (`account_id`,`status`,`id`);--> statement-breakpoint
CREATE INDEX `batches_check` ON `batches` (`check_due_at`) WHERE finished_at is null;--> statement-breakpoint
CREATE TABLE `key_usage` (
	`key_id` text NOT NULL,
	`month` text NOT NULL,
	`account_id` text NOT NULL,
	`jobs` integer NOT NULL,
	`delivered_bytes` integer NOT NULL,
	PRIMARY KEY(`key_id`, `month`)
);
--> statement-breakpoint
CREATE INDEX `key_usage_account` ON `key_usage` (`account_id`,`month`);--> statement-breakpoint
DROP INDEX `jobs_unfinished`;--> statement-breakpoint
ALTER TABLE `jobs` ADD `key_id` text;--> statement-breakpoint
ALTER TABLE `jobs` ADD `batch_index` integer;--> statement-breakpoint
ALTER TABLE `jobs` ADD `end_index` integer;--> statement-breakpoint
ALTER TABLE `jobs` ADD `media_url` text;--> statement-breakpoint
ALTER TABLE `jobs` ADD `filename` text;--> statement-breakpoint
ALTER TABLE `jobs` ADD `recording_key` text;--> statement-breakpoint
CREATE INDEX `jobs_batch_order` ON `jobs` (`batch_id`,`batch_index`,`status`,`id`) WHERE batch_id is not null;--> statement-breakpoint
CREATE INDEX `jobs_held` ON `jobs` (`batch_id`,`batch_index`) WHERE batch_id is not null and status = 'Pending' and due_at is null;--> statement-breakpoint
CREATE INDEX `jobs_batch_flight` ON `jobs` (`batch_id`,`step`,`id`) WHERE batch_id is not null and finished_at is null and (due_at is not null or status = 'Processing');--> statement-breakpoint
CREATE INDEX `jobs_batch_ends` ON `jobs` (`batch_id`,`end_index`) WHERE batch_id is not null and end_index is not null;--> statement-breakpoint
CREATE INDEX `jobs_due_account` ON `jobs` (`account_id`,(batch_id is not null),`due_at`,`id`) WHERE status = 'Pending' and due_at is not null;--> statement-breakpoint
CREATE INDEX `jobs_running` ON `jobs` (`account_id`) WHERE status = 'Processing';--> statement-breakpoint
CREATE INDEX `jobs_account_finished` ON `jobs` (`account_id`,`finished_at`,`status`,`file_size`,`started_at`,`created_at`) WHERE finished_at is not null;--> statement-breakpoint
CREATE INDEX `jobs_recording` ON `jobs` (`finished_at`) WHERE recording_key is not null and finished_at is not null;--> statement-breakpoint
CREATE INDEX `jobs_unfinished` ON `jobs` (`account_id`,`key_id`,`reserved_bytes`) WHERE finished_at is null;--> statement-breakpoint
ALTER TABLE `api_keys` ADD `scopes` text;--> statement-breakpoint
ALTER TABLE `api_keys` ADD `expires_at` integer;--> statement-breakpoint
ALTER TABLE `api_keys` ADD `replaced_by` text;--> statement-breakpoint
ALTER TABLE `usage` ADD `last_end_at` integer;