using Dumont.Contracts;
using Dumont.Server.Platform.Web.Shell;

namespace Dumont.Server.Platform.Web.Live;

/// <summary>What is looked at: a view, by whom, of what. Everybody who looks at the same thing in the same language shares the work of rendering it.</summary>
/// <param name="View">Name of an <see cref="ILiveView"/>.</param>
/// <param name="UserId">Whose things are shown. Comes from the session alone: a stream never holds anything of somebody else's.</param>
/// <param name="Argument">An id, where the view is of one thing; else empty.</param>
/// <param name="Language">Tag of the language.</param>
internal readonly record struct LiveKey(string View, UserId UserId, string Argument, string Language)
{
    /// <summary>For rendering.</summary>
    public Ui Ui => new(Shell.Language.Find(Language)!);
}

/// <summary>A part of a page that changes by itself: the outer HTML of one element, by its id.</summary>
public sealed record LiveFragment(string Id, string Html);

/// <summary>A list whose entries come and go. An entry that changes is sent alone; the whole list when its entries are others than before.</summary>
/// <param name="Id">Id of the element that holds the entries.</param>
/// <param name="Rows">The entries.</param>
public sealed record LiveList(string Id, IReadOnlyList<LiveFragment> Rows)
{
    /// <summary>The inner HTML of the element.</summary>
    public string Html => string.Concat(Rows.Select(row => row.Html));
}

/// <summary>What a view looks like now.</summary>
/// <param name="Fragments">Its parts.</param>
/// <param name="List">Its list; null when it has none.</param>
/// <param name="Instances">The instances that it shows: a change of one of them is a reason to look again.</param>
public record LiveContent(IReadOnlyList<LiveFragment> Fragments, LiveList? List, IReadOnlySet<InstanceId> Instances)
{
    /// <summary>The HTML of one part, for the first rendering of the page.</summary>
    public Microsoft.AspNetCore.Components.MarkupString this[string id] => new(Fragments.First(fragment => fragment.Id == id).Html);
}

/// <summary>Renders a page's changing parts. The page itself is put together from the same parts, so the two cannot differ.</summary>
internal interface ILiveView
{
    /// <summary>Unique.</summary>
    string Name { get; }

    /// <summary>How often to look even when nothing has been heard, for measurements.</summary>
    TimeSpan Interval { get; }

    /// <summary>The present look; null when there is no such thing (any more), or it is somebody else's.</summary>
    Task<LiveContent?> RenderAsync(LiveKey key, CancellationToken cancellationToken);
}
