CREATE TABLE `batch_listings` (
	`batch_id` text PRIMARY KEY NOT NULL,
	`account_id` text NOT NULL,
	`sealed` text,
	`sealing_key_id` text,
	`first` integer NOT NULL,
	`position` integer NOT NULL,
	`fence` text NOT NULL,
	`known` text,
	`due_at` integer,
	`failures` integer NOT NULL,
	`error` text,
	`outcome` text
);
--> statement-breakpoint
CREATE INDEX `batch_listings_sealing` ON `batch_listings` (`sealing_key_id`) WHERE sealing_key_id is not null;