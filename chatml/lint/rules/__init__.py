"""All rules. To add one: a file with its class, and a line in `RULES`."""

from __future__ import annotations

from chatml.lint._rule import Rule
from chatml.lint.rules.cml001_unclosed_message import UnclosedMessage
from chatml.lint.rules.cml002_unexpected_end_token import UnexpectedEndToken
from chatml.lint.rules.cml003_malformed_role_header import MalformedRoleHeader
from chatml.lint.rules.cml004_text_outside_message import TextOutsideMessage
from chatml.lint.rules.cml005_generation_prompt_mismatch import GenerationPromptMismatch
from chatml.lint.rules.cml006_mixed_dialects import MixedDialects
from chatml.lint.rules.cml007_stop_token_missing import StopTokenMissing
from chatml.lint.rules.dat001_invalid_jsonl_line import InvalidJsonlLine
from chatml.lint.rules.dat002_missing_messages import MissingMessages
from chatml.lint.rules.dat003_no_assistant import NoAssistant
from chatml.lint.rules.dat004_last_not_assistant import LastNotAssistant
from chatml.lint.rules.dat005_invalid_weight import InvalidWeight
from chatml.lint.rules.dat006_missing_user_or_system import MissingUserOrSystem
from chatml.lint.rules.dat007_duplicate_conversation import DuplicateConversation
from chatml.lint.rules.dat008_cross_split_leak import CrossSplitLeak
from chatml.lint.rules.dat009_nothing_to_train import NothingToTrain
from chatml.lint.rules.dat010_mixed_schemas import MixedSchemas
from chatml.lint.rules.dat011_conflicting_answers import ConflictingAnswers
from chatml.lint.rules.fmt001_trailing_whitespace import TrailingWhitespace
from chatml.lint.rules.fmt002_space_before_end_token import SpaceBeforeEndToken
from chatml.lint.rules.fmt003_missing_newline_after_role import MissingNewlineAfterRole
from chatml.lint.rules.fmt004_generation_prompt_spacing import GenerationPromptSpacing
from chatml.lint.rules.fmt005_crlf_in_content import CrlfInContent
from chatml.lint.rules.fmt006_indented_template import IndentedTemplate
from chatml.lint.rules.fmt007_bom_or_final_newline import BomOrFinalNewline
from chatml.lint.rules.rol001_unknown_role import UnknownRole
from chatml.lint.rules.rol002_system_not_first import SystemNotFirst
from chatml.lint.rules.rol003_roles_not_alternating import RolesNotAlternating
from chatml.lint.rules.rol004_multiple_system_messages import MultipleSystemMessages
from chatml.lint.rules.rol005_no_user_message import NoUserMessage
from chatml.lint.rules.rol006_assistant_prefill import AssistantPrefill
from chatml.lint.rules.rol007_empty_content import EmptyContent
from chatml.lint.rules.rol008_missing_required_key import MissingRequiredKey
from chatml.lint.rules.rol009_deprecated_function_call import DeprecatedFunctionCall
from chatml.lint.rules.rol010_system_vs_developer import SystemVsDeveloper
from chatml.lint.rules.spt001_control_token_in_content import ControlTokenInContent
from chatml.lint.rules.spt002_control_token_lookalike import ControlTokenLookalike
from chatml.lint.rules.spt003_unguarded_variable_in_raw_template import UnguardedVariableInRawTemplate
from chatml.lint.rules.spt004_role_marker_in_value import RoleMarkerInValue
from chatml.lint.rules.spt005_double_bos import DoubleBos
from chatml.lint.rules.spt006_special_token_splits import SpecialTokenSplits
from chatml.lint.rules.spt007_reasoning_in_history import ReasoningInHistory
from chatml.lint.rules.sup001_unused_suppression import UnusedSuppression
from chatml.lint.rules.syn001_invalid_encoding import InvalidEncoding
from chatml.lint.rules.syn002_unparseable_file import UnparseableFile
from chatml.lint.rules.syn003_unknown_key import UnknownKey
from chatml.lint.rules.syn004_ambiguous_format import AmbiguousFormat
from chatml.lint.rules.tlc001_unanswered_tool_call import UnansweredToolCall
from chatml.lint.rules.tlc002_orphan_tool_message import OrphanToolMessage
from chatml.lint.rules.tlc003_invalid_tool_name import InvalidToolName
from chatml.lint.rules.tlc004_arguments_not_json import ArgumentsNotJson
from chatml.lint.rules.tlc005_arguments_double_encoded import ArgumentsDoubleEncoded
from chatml.lint.rules.tlc006_undeclared_tool import UndeclaredTool
from chatml.lint.rules.tlc007_arguments_violate_schema import ArgumentsViolateSchema
from chatml.lint.rules.tlc008_duplicate_tool_call_id import DuplicateToolCallId
from chatml.lint.rules.tlc009_missing_tool_description import MissingToolDescription
from chatml.lint.rules.tok001_over_context_window import OverContextWindow
from chatml.lint.rules.tok002_over_budget import OverBudget
from chatml.lint.rules.tok003_budget_regression import BudgetRegression
from chatml.lint.rules.tok004_training_example_truncated import TrainingExampleTruncated
from chatml.lint.rules.tok005_approximate_count import ApproximateCount
from chatml.lint.rules.tok006_volatile_prefix import VolatilePrefix
from chatml.lint.rules.tok007_token_waste import TokenWaste
from chatml.lint.rules.tpl001_template_syntax_error import TemplateSyntaxError
from chatml.lint.rules.tpl002_undefined_variable import UndefinedVariable
from chatml.lint.rules.tpl003_unused_variable import UnusedVariable
from chatml.lint.rules.tpl004_unrendered_placeholder import UnrenderedPlaceholder
from chatml.lint.rules.tpl005_no_generation_block import NoGenerationBlock
from chatml.lint.rules.tpl006_unescaped_json_interpolation import UnescapedJsonInterpolation
from chatml.lint.rules.tpl007_mixed_placeholder_syntax import MixedPlaceholderSyntax
from chatml.lint.rules.txt001_secret import Secret
from chatml.lint.rules.txt002_hidden_unicode import HiddenUnicode
from chatml.lint.rules.txt003_placeholder_left import PlaceholderLeft
from chatml.lint.rules.txt004_pii import Pii
from chatml.lint.rules.txt005_degenerate_repetition import DegenerateRepetition
from chatml.lint.rules.txt006_replacement_character import ReplacementCharacter
from chatml.lint.rules.txt007_unnormalised_unicode import UnnormalisedUnicode
from chatml.lint.rules.txt008_hidden_comment import HiddenComment

RULES: tuple[type[Rule], ...] = (
    UnclosedMessage,
    UnexpectedEndToken,
    MalformedRoleHeader,
    TextOutsideMessage,
    GenerationPromptMismatch,
    MixedDialects,
    StopTokenMissing,
    InvalidJsonlLine,
    MissingMessages,
    NoAssistant,
    LastNotAssistant,
    InvalidWeight,
    MissingUserOrSystem,
    DuplicateConversation,
    CrossSplitLeak,
    NothingToTrain,
    MixedSchemas,
    ConflictingAnswers,
    TrailingWhitespace,
    SpaceBeforeEndToken,
    MissingNewlineAfterRole,
    GenerationPromptSpacing,
    CrlfInContent,
    IndentedTemplate,
    BomOrFinalNewline,
    UnknownRole,
    SystemNotFirst,
    RolesNotAlternating,
    MultipleSystemMessages,
    NoUserMessage,
    AssistantPrefill,
    EmptyContent,
    MissingRequiredKey,
    DeprecatedFunctionCall,
    SystemVsDeveloper,
    ControlTokenInContent,
    ControlTokenLookalike,
    UnguardedVariableInRawTemplate,
    RoleMarkerInValue,
    DoubleBos,
    SpecialTokenSplits,
    ReasoningInHistory,
    UnusedSuppression,
    InvalidEncoding,
    UnparseableFile,
    UnknownKey,
    AmbiguousFormat,
    UnansweredToolCall,
    OrphanToolMessage,
    InvalidToolName,
    ArgumentsNotJson,
    ArgumentsDoubleEncoded,
    UndeclaredTool,
    ArgumentsViolateSchema,
    DuplicateToolCallId,
    MissingToolDescription,
    OverContextWindow,
    OverBudget,
    BudgetRegression,
    TrainingExampleTruncated,
    ApproximateCount,
    VolatilePrefix,
    TokenWaste,
    TemplateSyntaxError,
    UndefinedVariable,
    UnusedVariable,
    UnrenderedPlaceholder,
    NoGenerationBlock,
    UnescapedJsonInterpolation,
    MixedPlaceholderSyntax,
    Secret,
    HiddenUnicode,
    PlaceholderLeft,
    Pii,
    DegenerateRepetition,
    ReplacementCharacter,
    UnnormalisedUnicode,
    HiddenComment,
)
