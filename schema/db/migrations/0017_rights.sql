CREATE TABLE `denial_terms` (
	`term` text NOT NULL,
	`denial_id` text NOT NULL,
	PRIMARY KEY(`term`, `denial_id`)
);
--> statement-breakpoint
CREATE INDEX `denial_terms_denial` ON `denial_terms` (`denial_id`);--> statement-breakpoint
CREATE TABLE `denials` (
	`id` text PRIMARY KEY NOT NULL,
	`kind` text NOT NULL,
	`value` text NOT NULL,
	`reason` text NOT NULL,
	`note` text,
	`reference` text,
	`created_at` integer NOT NULL,
	`identified_at` integer,
	`identify_tries` integer DEFAULT 0 NOT NULL,
	`takedown_at` integer,
	`scanned_until` text DEFAULT '' NOT NULL,
	`scanned_at` integer,
	`takedown_finished_at` integer,
	`work_due_at` integer
);
--> statement-breakpoint
CREATE INDEX `denials_due` ON `denials` (`work_due_at`) WHERE work_due_at is not null;--> statement-breakpoint
CREATE TABLE `erasures` (
	`id` text PRIMARY KEY NOT NULL,
	`account_id` text,
	`own_storage` integer NOT NULL,
	`phase` text NOT NULL,
	`counts` text NOT NULL,
	`kept` text NOT NULL,
	`last_error` text,
	`requested_at` integer NOT NULL,
	`finished_at` integer,
	`work_due_at` integer
);
--> statement-breakpoint
CREATE INDEX `erasures_account` ON `erasures` (`account_id`) WHERE account_id is not null;--> statement-breakpoint
CREATE INDEX `erasures_due` ON `erasures` (`work_due_at`) WHERE work_due_at is not null;--> statement-breakpoint
CREATE TABLE `takedown_jobs` (
	`denial_id` text NOT NULL,
	`job_id` text NOT NULL,
	`state` text NOT NULL,
	`reason` text,
	`objects` integer DEFAULT 0 NOT NULL,
	`tries` integer DEFAULT 0 NOT NULL,
	`due_at` integer,
	`updated_at` integer NOT NULL,
	PRIMARY KEY(`denial_id`, `job_id`)
);
--> statement-breakpoint
CREATE INDEX `takedown_jobs_due` ON `takedown_jobs` (`denial_id`,`due_at`) WHERE due_at is not null;--> statement-breakpoint
CREATE INDEX `takedown_jobs_state` ON `takedown_jobs` (`denial_id`,`state`,`job_id`);--> statement-breakpoint
CREATE INDEX `takedown_jobs_job` ON `takedown_jobs` (`job_id`);