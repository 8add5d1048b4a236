//! The words of calendars and events.

use crate::model::word::words;

words! {
    /// A calendar's colour in Outlook's own palette.
    CalendarColor {
        /// Outlook chooses.
        Auto = 1 "auto",
        /// Light blue.
        LightBlue = 2 "lightBlue",
        /// Light green.
        LightGreen = 3 "lightGreen",
        /// Light orange.
        LightOrange = 4 "lightOrange",
        /// Light grey.
        LightGray = 5 "lightGray",
        /// Light yellow.
        LightYellow = 6 "lightYellow",
        /// Light teal.
        LightTeal = 7 "lightTeal",
        /// Light pink.
        LightPink = 8 "lightPink",
        /// Light brown.
        LightBrown = 9 "lightBrown",
        /// Light red.
        LightRed = 10 "lightRed",
        /// The end of the palette; no colour of its own.
        MaxColor = 11 "maxColor",
    }
}

words! {
    /// How an event shows in the person's free and busy times.
    ShowAs {
        /// The service does not know.
        Unknown = 1 "unknown",
        /// Free.
        Free = 2 "free",
        /// Tentative.
        Tentative = 3 "tentative",
        /// Busy.
        Busy = 4 "busy",
        /// Out of office.
        OutOfOffice = 5 "oof",
        /// Working elsewhere.
        WorkingElsewhere = 6 "workingElsewhere",
    }
}

words! {
    /// How much of an event others may see.
    Sensitivity {
        /// As usual.
        Normal = 1 "normal",
        /// Personal.
        Personal = 2 "personal",
        /// Private.
        Private = 3 "private",
        /// Confidential.
        Confidential = 4 "confidential",
    }
}

words! {
    /// What an event is to a series.
    EventType {
        /// It belongs to none.
        SingleInstance = 1 "singleInstance",
        /// One of a series.
        Occurrence = 2 "occurrence",
        /// One of a series that differs from the others.
        Exception = 3 "exception",
        /// The series itself.
        SeriesMaster = 4 "seriesMaster",
    }
}

words! {
    /// What an attendee is there for.
    AttendeeType {
        /// Has to be there.
        Required = 1 "required",
        /// May be there.
        Optional = 2 "optional",
        /// A room or a thing.
        Resource = 3 "resource",
    }
}

words! {
    /// What was answered to an invitation.
    Response {
        /// No answer is due.
        None = 1 "none",
        /// It is the organizer's own.
        Organizer = 2 "organizer",
        /// Tentatively accepted.
        TentativelyAccepted = 3 "tentativelyAccepted",
        /// Accepted.
        Accepted = 4 "accepted",
        /// Declined.
        Declined = 5 "declined",
        /// Not answered yet.
        NotResponded = 6 "notResponded",
    }
}

words! {
    /// What a series repeats by.
    RecurrencePatternType {
        /// Every so many days.
        Daily = 1 "daily",
        /// On days of the week, every so many weeks.
        Weekly = 2 "weekly",
        /// On a day of the month, every so many months.
        AbsoluteMonthly = 3 "absoluteMonthly",
        /// On a day of the week in the month ("the second Tuesday"), every so many months.
        RelativeMonthly = 4 "relativeMonthly",
        /// On a day of a month, every so many years.
        AbsoluteYearly = 5 "absoluteYearly",
        /// On a day of the week in a month, every so many years.
        RelativeYearly = 6 "relativeYearly",
    }
}

words! {
    /// Which of its kind in the month.
    WeekIndex {
        /// The first.
        First = 1 "first",
        /// The second.
        Second = 2 "second",
        /// The third.
        Third = 3 "third",
        /// The fourth.
        Fourth = 4 "fourth",
        /// The last.
        Last = 5 "last",
    }
}

words! {
    /// A day of the week.
    DayOfWeek {
        /// Sunday.
        Sunday = 1 "sunday",
        /// Monday.
        Monday = 2 "monday",
        /// Tuesday.
        Tuesday = 3 "tuesday",
        /// Wednesday.
        Wednesday = 4 "wednesday",
        /// Thursday.
        Thursday = 5 "thursday",
        /// Friday.
        Friday = 6 "friday",
        /// Saturday.
        Saturday = 7 "saturday",
    }
}

words! {
    /// How a series ends.
    RangeType {
        /// On a date.
        EndDate = 1 "endDate",
        /// Never.
        NoEnd = 2 "noEnd",
        /// After a number of occurrences.
        Numbered = 3 "numbered",
    }
}

words! {
    /// Who provides an online meeting.
    OnlineMeetingProvider {
        /// The service does not know, or there is none.
        Unknown = 1 "unknown",
        /// Skype for Business.
        SkypeForBusiness = 2 "skypeForBusiness",
        /// Skype.
        SkypeForConsumer = 3 "skypeForConsumer",
        /// Teams.
        TeamsForBusiness = 4 "teamsForBusiness",
    }
}

words! {
    /// What a place is.
    LocationType {
        /// Nothing more is known.
        Default = 1 "default",
        /// A conference room.
        ConferenceRoom = 2 "conferenceRoom",
        /// Somebody's home.
        HomeAddress = 3 "homeAddress",
        /// A business.
        BusinessAddress = 4 "businessAddress",
        /// A point on the map.
        GeoCoordinates = 5 "geoCoordinates",
        /// A street address.
        StreetAddress = 6 "streetAddress",
        /// A hotel.
        Hotel = 7 "hotel",
        /// A restaurant.
        Restaurant = 8 "restaurant",
        /// A business near by.
        LocalBusiness = 9 "localBusiness",
        /// A postal address.
        PostalAddress = 10 "postalAddress",
    }
}

words! {
    /// A property of an event: what a change carries ([`EventChange::given`](crate::EventChange::given)).
    EventProperty {
        /// [`Event::subject`](crate::Event::subject).
        Subject = 1 "subject",
        /// [`Event::start`](crate::Event::start).
        Start = 2 "start",
        /// [`Event::end`](crate::Event::end).
        End = 3 "end",
        /// [`Event::is_all_day`](crate::Event::is_all_day).
        IsAllDay = 4 "isAllDay",
        /// [`Event::is_cancelled`](crate::Event::is_cancelled).
        IsCancelled = 5 "isCancelled",
        /// [`Event::is_organizer`](crate::Event::is_organizer).
        IsOrganizer = 6 "isOrganizer",
        /// [`Event::organizer`](crate::Event::organizer).
        Organizer = 7 "organizer",
        /// [`Event::attendees`](crate::Event::attendees).
        Attendees = 8 "attendees",
        /// [`Event::location`](crate::Event::location).
        Location = 9 "location",
        /// [`Event::show_as`](crate::Event::show_as).
        ShowAs = 10 "showAs",
        /// [`Event::sensitivity`](crate::Event::sensitivity).
        Sensitivity = 11 "sensitivity",
        /// [`Event::event_type`](crate::Event::event_type).
        EventType = 12 "type",
        /// [`Event::series_master_id`](crate::Event::series_master_id).
        SeriesMasterId = 13 "seriesMasterId",
        /// [`Event::recurrence`](crate::Event::recurrence).
        Recurrence = 14 "recurrence",
        /// [`Event::response`](crate::Event::response) and [`Event::responded_at`](crate::Event::responded_at).
        ResponseStatus = 15 "responseStatus",
        /// [`Event::is_online_meeting`](crate::Event::is_online_meeting).
        IsOnlineMeeting = 16 "isOnlineMeeting",
        /// [`Event::online_meeting_provider`](crate::Event::online_meeting_provider).
        OnlineMeetingProvider = 17 "onlineMeetingProvider",
        /// [`Event::online_meeting`](crate::Event::online_meeting).
        OnlineMeeting = 18 "onlineMeeting",
        /// [`Event::web_link`](crate::Event::web_link).
        WebLink = 19 "webLink",
        /// [`Event::original_start_time_zone`](crate::Event::original_start_time_zone).
        OriginalStartTimeZone = 20 "originalStartTimeZone",
        /// [`Event::original_start`](crate::Event::original_start).
        OriginalStart = 21 "originalStart",
        /// [`Event::categories`](crate::Event::categories).
        Categories = 22 "categories",
        /// [`Event::importance`](crate::Event::importance).
        Importance = 23 "importance",
        /// [`Event::has_attachments`](crate::Event::has_attachments).
        HasAttachments = 24 "hasAttachments",
        /// [`Event::ical_uid`](crate::Event::ical_uid).
        IcalUid = 25 "iCalUId",
    }
}
