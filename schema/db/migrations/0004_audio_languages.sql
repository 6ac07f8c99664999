ALTER TABLE `jobs` ADD `actual_audio_language` text;--> statement-breakpoint
ALTER TABLE `jobs` ADD `audio_languages` text;