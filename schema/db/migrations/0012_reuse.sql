CREATE TABLE `job_media` (
	`account_id` text NOT NULL,
	`source` text NOT NULL,
	`variant` text NOT NULL,
	`job_id` text NOT NULL,
	`kind` text NOT NULL,
	`facts` text,
	`fetched_at` integer,
	`waits_for` text,
	`waits_until` integer,
	PRIMARY KEY(`account_id`, `source`, `variant`, `job_id`)
);
--> statement-breakpoint
CREATE INDEX `job_media_delivered` ON `job_media` (`account_id`,`source`,`variant`,`fetched_at`,`job_id`) WHERE fetched_at is not null;--> statement-breakpoint
CREATE INDEX `job_media_job` ON `job_media` (`job_id`,`kind`);--> statement-breakpoint
CREATE INDEX `job_media_waiting` ON `job_media` (`waits_for`) WHERE waits_for is not null;