CREATE TABLE `ytdlp_trials` (
	`site` text NOT NULL,
	`version` text NOT NULL,
	`state` text NOT NULL,
	`strikes` integer NOT NULL,
	`until` integer NOT NULL,
	`probe_until` integer NOT NULL,
	`pinned_faults` real NOT NULL,
	`candidate_faults` real NOT NULL,
	`served_since` integer NOT NULL,
	`tries` integer NOT NULL,
	`served` integer NOT NULL,
	`changed_at` integer NOT NULL,
	`reported_state` text NOT NULL,
	`updated_at` integer NOT NULL,
	PRIMARY KEY(`site`, `version`)
);
--> statement-breakpoint
CREATE INDEX `ytdlp_trials_updated` ON `ytdlp_trials` (`updated_at`);